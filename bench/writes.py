"""The rows of the benchmark that write: single creates, transactions, `$import`, writes while exports run.

Clients are processes with bare sockets and requests that are made before the clock starts, so that what is measured
is the server's.
"""
import glob, itertools, json, multiprocessing, os, shutil, socket, subprocess, threading, time

SECONDS = 5
CREATORS = 16
POSTERS = 4


def bare_request(port, target, body, more=''):
    return ('POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/fhir+json\r\n%sContent-Length: %d'
            '\r\n\r\n' % (target, port, more, len(body))).encode() + body


class BareClient:
    """One connection that sends bytes and waits for the end of the answer."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request):
        """Seconds until the answer was there; its status must be a success."""
        start = time.perf_counter()
        self.socket.sendall(request)
        received = self.socket.recv(65536)
        while b'\r\n\r\n' not in received:
            received += self.socket.recv(65536)
        head, _, body = received.partition(b'\r\n\r\n')
        assert head[9:12] in (b'200', b'201'), (head, body[:500])
        for line in head.lower().split(b'\r\n'):
            if line.startswith(b'content-length:'):
                left = int(line.split(b':')[1]) - len(body)
                while left > 0:
                    left -= len(self.socket.recv(min(left, 1 << 20)))
        return time.perf_counter() - start


def resources(corpus, count):
    """The first Observations, as bytes."""
    with open(os.path.join(corpus, 'Observation.ndjson'), 'rb') as source:
        return [line.rstrip(b'\n') for line in itertools.islice(source, count)]


def transaction(lines):
    entries = [b'{"fullUrl":"urn:uuid:%d","resource":%s,"request":{"method":"POST","url":"Observation"}}' % (n, line)
               for n, line in enumerate(lines)]
    return b'{"resourceType":"Bundle","type":"transaction","entry":[%s]}' % b','.join(entries)


def post_for(port, requests, seconds, results):
    client, times = BareClient(port), []
    until = time.perf_counter() + seconds
    for request in itertools.cycle(requests):
        times.append(client.send(request))
        if time.perf_counter() > until:
            break
    results.put(times)


def rate(port, requests, clients):
    """Requests a second of so many clients, and the seconds of each request."""
    results = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=post_for, args=(port, requests[n::clients], SECONDS, results))
                 for n in range(clients)]
    start = time.perf_counter()
    for process in processes:
        process.start()
    times = [seconds for _ in processes for seconds in results.get()]
    elapsed = time.perf_counter() - start
    for process in processes:
        process.join()
    return len(times) / elapsed, times


def import_seconds(server, client, corpus):
    """An import of the whole corpus, from the kick-off to the manifest."""
    inputs = [{'name': 'input', 'part': [
        {'name': 'type', 'valueCode': os.path.basename(path).split('.')[0]},
        {'name': 'url', 'valueUrl': 'file://' + path}]} for path in sorted(glob.glob(os.path.join(corpus, '*.ndjson')))]
    body = json.dumps({'resourceType': 'Parameters', 'parameter': [
        {'name': 'inputFormat', 'valueCode': 'application/fhir+ndjson'},
        {'name': 'storageDetail', 'part': [{'name': 'type', 'valueCode': 'file'}]}, *inputs]})
    start = time.perf_counter()
    response, answer = client.request('POST', server.base + '/$import', body, Prefer='respond-async',
                                      Content_Type='application/fhir+json')
    assert response.status == 202, (response.status, answer[:300])
    while True:
        status, answer = client.request('GET', response.headers['Content-Location'])
        if status.status == 200:
            return time.perf_counter() - start
        assert status.status == 202, (status.status, answer[:300])
        time.sleep(0.02)


def beside_exports(server, new_client, requests, percentile):
    """Seconds of requests, one after the other with small pauses, while full exports run in a loop."""
    stopping, exports = threading.Event(), []

    def export():
        client = new_client()
        while not stopping.is_set():
            _, _, location = client.export(server.base + '/$export', poll=0.05)
            client.delete(location)
            exports.append(location)

    exporter = threading.Thread(target=export)
    exporter.start()
    client, times = BareClient(server.port), []
    until = time.perf_counter() + SECONDS
    for request in itertools.cycle(requests):
        times.append(client.send(request))
        if time.perf_counter() > until:
            break
        time.sleep(0.005)
    stopping.set()
    exporter.join()
    return 'p50 %.1f ms, p99 %.1f ms (%d, %d exports)' % (
        1e3 * percentile(times, 0.5), 1e3 * percentile(times, 0.99), len(times), len(exports))


def measure(sluice, work, corpus, size, load_seconds, row, new_server, new_client, percentile):
    """All rows; `load_seconds` is what `load` took for the same corpus."""
    data = os.path.join(work, 'written')
    shutil.rmtree(data, ignore_errors=True)
    server = new_server(sluice, data, '--open', '--import-folder', corpus)
    seconds = import_seconds(server, new_client(server.port), corpus)
    row('$import of the corpus', '%.0f MB/s: %.2f of load' % (size / 1e6 / seconds, load_seconds / seconds), '0.80')

    lines = resources(corpus, 20_000)
    creates = [bare_request(server.port, '/fhir/Observation', line, 'Prefer: return=minimal\r\n') for line in lines]
    posts = [bare_request(server.port, '/fhir', transaction(lines[n:n + 100])) for n in range(0, len(lines), 100)]
    for name, requests, clients in (('creates, 1 client', creates, 1),
                                    ('creates, %d clients' % CREATORS, creates, CREATORS),
                                    ('transactions of 100, 1 client', posts, 1),
                                    ('transactions of 100, %d clients' % POSTERS, posts, POSTERS)):
        per_second, times = rate(server.port, requests, clients)
        row(name, '%d/s, p50 %.1f ms, p99 %.1f ms' % (per_second, 1e3 * percentile(times, 0.5),
                                                      1e3 * percentile(times, 0.99)), '')
    for name, requests, goal in (('create while exports run', creates, 'p99 20 ms'),
                                 ('transaction of 100 while exports run', posts, '')):
        row(name, beside_exports(server, lambda: new_client(server.port), requests, percentile), goal)
    server.stop()
    shutil.rmtree(data, ignore_errors=True)


def measure_handlers(program, work, row):
    """What a resource costs in the handlers, without sockets: bench/write_bench.cc."""
    for kind, what in (('create', 'creates'), ('put', 'updates of new ids'), ('transaction', 'transactions of 100')):
        folder = os.path.join(work, 'handlers')
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        done = subprocess.run([program, folder, kind, '20000'], check=True, capture_output=True, text=True)
        row('%s in the handlers' % what, '%s us of CPU for each resource' % done.stdout.split(': ')[1].split()[0], '')
        shutil.rmtree(folder)
