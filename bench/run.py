#!/usr/bin/env python3
"""Sluice's benchmark: builds a corpus, measures the real binary over HTTP, prints one table.

usage: bench/run.py --sluice BINARY --pipeline PROGRAM --tokens PROGRAM --search PROGRAM --fhirpath PROGRAM
                    --write PROGRAM [--patients N] [--work DIR] [--json FILE] [--scale N,N,...] [--scale-only]

Every figure is a median of several runs on one machine in one session; what counts is the ratios.
"""
import argparse, gzip, http.client, json, os, random, shutil, signal, statistics, subprocess, sys
import tempfile, threading, time, urllib.parse

import scale, tables, writes

RUNS = 5
GROUP_SHARES = (0.1, 1, 10, 90)  # percent


class Server:
    """`sluice serve` on a free port."""

    def __init__(self, sluice, data, *options):
        self.process = subprocess.Popen(
            [sluice, 'serve', '--data', data, '--listen', '127.0.0.1:0', '--log-level', 'warn',
             '--poll-burst', '1000000', *(options or ('--open',))], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if line.startswith('listening on '):
                self.base = line.split()[-1]
                break
        else:
            sys.exit('the server did not start')
        self.port = urllib.parse.urlsplit(self.base).port
        threading.Thread(target=lambda: [None for _ in self.process.stderr], daemon=True).start()

    def peak_memory(self):
        with open('/proc/%d/status' % self.process.pid) as status:
            for line in status:
                if line.startswith('VmHWM'):
                    return int(line.split()[1]) * 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


class Client:
    """One keep-alive connection."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection('127.0.0.1', port)

    def request(self, method, url, body=None, **headers):
        path = urllib.parse.urlsplit(url)
        target = path.path + ('?' + path.query if path.query else '')
        headers = {k.replace('_', '-'): v for k, v in headers.items()}
        try:
            self.connection.request(method, target, body=body, headers=headers)
            response = self.connection.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for too long
            self.connection.close()
            self.connection.request(method, target, body=body, headers=headers)
            response = self.connection.getresponse()
        return response, response.read()

    def kick_off(self, url, **headers):
        response, body = self.request('GET', url, Accept='application/fhir+json',
                                      Prefer='respond-async', **headers)
        assert response.status == 202, (response.status, body[:300])
        return response.headers['Content-Location']

    def export(self, url, poll=0.002, **headers):
        """Runs an export to its manifest: seconds and manifest; the job is deleted."""
        start = time.perf_counter()
        location = self.kick_off(url, **headers)
        while True:
            response, body = self.request('GET', location, **headers)
            if response.status == 200:
                break
            assert response.status == 202, (response.status, body[:300])
            time.sleep(poll)
        seconds = time.perf_counter() - start
        return seconds, json.loads(body), location

    def delete(self, location, **headers):
        self.request('DELETE', location, **headers)


def median_export(client, url):
    times, manifest = [], None
    for _ in range(RUNS):
        seconds, manifest, location = client.export(url)
        times.append(seconds)
        client.delete(location)
    return statistics.median(times), manifest


def volume(manifest):
    return (sum(f['count'] for f in manifest['output']), sum(f['fileSize'] for f in manifest['output']))


def folder_size(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder)
               for name in names)


def write_groups(corpus, target):
    """Groups of shares of the patients, and one of a million members of whom most are not here."""
    with open(os.path.join(corpus, 'Patient.ndjson'), encoding='utf-8') as source:
        patients = [json.loads(line)['id'] for line in source]
    random.Random(1).shuffle(patients)
    rosters = {'share-%g' % share: patients[:max(1, int(len(patients) * share / 100))] for share in GROUP_SHARES}
    rosters['one'] = patients[:1]
    here = rosters['share-%g' % GROUP_SHARES[1]]
    rosters['million'] = here + ['absent-%d' % i for i in range(1_000_000 - len(here))]
    with open(target, 'w', encoding='utf-8') as out:
        for name, roster in rosters.items():
            out.write(json.dumps({'resourceType': 'Group', 'id': name, 'type': 'person', 'actual': True, 'member':
                                  [{'entity': {'reference': 'Patient/' + patient}} for patient in roster]}) + '\n')


def member_changes(client, base):
    """Seconds of one $add to the group of a million."""
    times = []
    for number in range(RUNS):
        body = json.dumps({'resourceType': 'Group', 'type': 'person', 'actual': True,
                           'member': [{'entity': {'reference': 'Patient/new-%d' % number}}]})
        start = time.perf_counter()
        response, answer = client.request('POST', base + '/Group/million/$add', body.encode(),
                                          Content_Type='application/fhir+json')
        times.append(time.perf_counter() - start)
        assert response.status == 200, (response.status, answer[:300])
    return statistics.median(times)


COHORT_FILTERS = ('Observation?category=laboratory&date=ge2020', 'Encounter?class=AMB', 'Patient?gender=female')


def cohort_seconds(client, base):
    """Seconds from the asynchronous create of a cohort to its Bundle, and the members."""
    times, members = [], 0
    body = json.dumps({
        'resourceType': 'Group', 'type': 'person', 'actual': False, 'name': 'bench', 'modifierExtension': [
            {'url': 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter',
             'valueExpression': {'language': 'application/x-fhir-query', 'expression': text}}
            for text in COHORT_FILTERS]})
    for _ in range(RUNS):
        start = time.perf_counter()
        response, answer = client.request('POST', base + '/Group', body.encode(), Prefer='respond-async',
                                          Content_Type='application/fhir+json')
        assert response.status == 202, (response.status, answer[:300])
        location = response.headers['Content-Location']
        while response.status == 202:
            time.sleep(0.002)
            response, answer = client.request('GET', location)
        times.append(time.perf_counter() - start)
        group = json.loads(answer)['entry'][0]['resource']
        members = group['quantity']
        client.delete(location)
        client.delete(base + '/Group/' + group['id'])
    return statistics.median(times), members


def type_bytes(corpus, filters):
    """Bytes of the types that the filters scan, each as often as a filter names it."""
    return sum(os.path.getsize(os.path.join(corpus, text.split('?')[0] + '.ndjson')) for text in filters)


def change_some(corpus, target, share, language):
    """Writes changed copies of a share of the Observations."""
    randomness = random.Random(1)
    total = changed = 0
    with open(os.path.join(corpus, 'Observation.ndjson'), encoding='utf-8') as source, \
            open(target, 'w', encoding='utf-8') as out:
        for line in source:
            total += 1
            if randomness.random() < share:
                resource = json.loads(line)
                resource['language'] = language
                out.write(json.dumps(resource, ensure_ascii=False, separators=(',', ':')) + '\n')
                changed += 1
    return changed


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def latency_under_load(server, base):
    """p50 and p99 of kick-offs and status requests while full exports run, in seconds."""
    load, client = Client(server.port), Client(server.port)
    kick_offs, polls = [], []
    until = time.time() + 8
    location = load.kick_off(base + '/$export')
    while time.time() < until:
        start = time.perf_counter()
        small = client.kick_off(base + '/$export?_type=Organization')
        kick_offs.append(time.perf_counter() - start)
        start = time.perf_counter()
        response, _ = client.request('GET', location)
        polls.append(time.perf_counter() - start)
        client.delete(small)
        if response.status == 200:
            load.delete(location)
            location = load.kick_off(base + '/$export')
        time.sleep(0.005)
    load.delete(location)
    return kick_offs, polls


def curl_seconds(url, *options):
    times = []
    for _ in range(RUNS):
        output = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{time_total}', *options, url],
                                capture_output=True, text=True, check=True).stdout
        times.append(float(output))
    return statistics.median(times)


def nginx_seconds(work, file):
    """The same file from nginx on loopback."""
    folder = os.path.join(work, 'nginx')
    os.makedirs(folder, exist_ok=True)
    port = 18080 + os.getpid() % 1000
    config = os.path.join(folder, 'nginx.conf')
    with open(config, 'w') as out:
        out.write('''user root; worker_processes 2; pid %s/nginx.pid; error_log %s/error.log; daemon off;
events { worker_connections 64; }
http { access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
 client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s; uwsgi_temp_path %s; scgi_temp_path %s;
 server { listen 127.0.0.1:%d; root %s; } }
''' % (folder, folder, folder, folder, folder, folder, folder, port, os.path.dirname(file)))
    nginx = subprocess.Popen([shutil.which('nginx') or '/usr/sbin/nginx', '-c', config, '-p', folder],
                             stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        return curl_seconds('http://127.0.0.1:%d/%s' % (port, os.path.basename(file)))
    finally:
        nginx.terminate()
        nginx.wait()


def download_row(server, base, work, data):
    """Seconds for one large stored file by gzip from Sluice and from nginx, its size, and the plain rate."""
    client = Client(server.port)
    _, manifest, location = client.export(base + '/$export')
    largest = max(manifest['output'], key=lambda f: f['fileSize'])
    job = location.rsplit('/', 1)[1]
    name = largest['url'].rsplit('/', 1)[1]
    stored = os.path.join(data, 'files', job, name)
    ours = curl_seconds(largest['url'], '-H', 'Accept-Encoding: gzip')
    plain = curl_seconds(largest['url'])
    theirs = nginx_seconds(work, stored)
    result = (ours, theirs, os.path.getsize(stored), plain, largest['fileSize'])
    client.delete(location)
    return result


def timed(command, folder):
    """Seconds and peak memory of a command that writes into `folder`, which is empty before."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.sync()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    # What wait4() tells counts the memory of this program too, as it was when the command began.
    peak = 0
    while process.poll() is None:
        with open('/proc/%d/status' % process.pid) as status:
            peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith('VmHWM'))])
        time.sleep(0.005)
    seconds = time.perf_counter() - start
    assert process.returncode == 0, (command[:4], process.returncode)
    return seconds, peak * 1024


def pull_against_curl(sluice, server, base, work):
    """A whole export by `sluice pull` and its files by curl, in turns: medians of seconds, the most memory
    of the pull, bytes of NDJSON."""
    client = Client(server.port)
    _, manifest, location = client.export(base + '/$export')
    out = os.path.join(work, 'pulled')
    curl = ['curl', '-s', '--compressed', '--parallel', '--parallel-max', '8', '--fail']
    for number, file in enumerate(manifest['output']):
        curl += ['-o', os.path.join(out, '%d.ndjson' % number), file['url']]
    pull = [sluice, 'pull', '--status-url', location, '--out', out, '--keep-job', '--parallel', '8']
    ours, theirs = [], []
    for _ in range(RUNS):
        theirs.append(timed(curl, out))
        ours.append(timed(pull, out))
    total = volume(manifest)[1]
    assert sum(os.path.getsize(os.path.join(out, name)) for name in os.listdir(out)
               if name.endswith('.ndjson') and name != 'log.ndjson') == total
    shutil.rmtree(out)
    client.delete(location)
    return (statistics.median(t for t, _ in ours), statistics.median(t for t, _ in theirs),
            max(memory for _, memory in ours), total)


def authorized_download(sluice, data, work):
    """Seconds of the same large download with a token and from an open server, in turns: two lists."""
    key, jwks = os.path.join(work, 'key.jwk'), os.path.join(work, 'jwks.json')
    if not os.path.exists(key):
        with open(jwks, 'w') as out:
            subprocess.run([sluice, 'keys', 'generate', '--alg', 'ES384', '--out', key], check=True, stdout=out)
    subprocess.run([sluice, 'client', 'add', '--data', data, '--id', 'bench%d' % os.getpid(), '--jwks', jwks,
                    '--scope', 'system/*.rs'], check=True, stdout=subprocess.DEVNULL)
    times = ([], [])
    for turn in range(4):
        for is_open in (False, True):
            server = Server(sluice, data, *(() if is_open else ('--token-rate', '0')))
            headers = {}
            if not is_open:
                headers['Authorization'] = 'Bearer ' + subprocess.run(
                    [sluice, 'token', server.base, '--client-id', 'bench%d' % os.getpid(), '--key', key],
                    check=True, capture_output=True, text=True).stdout.strip()
            client = Client(server.port)
            _, manifest, location = client.export(server.base + '/$export', **headers)
            url = max(manifest['output'], key=lambda f: f['fileSize'])['url']
            options = [o for name, value in headers.items() for o in ('-H', '%s: %s' % (name, value))]
            times[is_open].append(curl_seconds(url, *options))
            client.delete(location, **headers)
            server.stop()
    return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sluice', required=True)
    parser.add_argument('--pipeline', required=True)
    parser.add_argument('--tokens', required=True)
    parser.add_argument('--search', required=True)
    parser.add_argument('--fhirpath', required=True)
    parser.add_argument('--write', required=True)
    parser.add_argument('--patients', type=int, default=4000)
    parser.add_argument('--work')
    parser.add_argument('--json')
    parser.add_argument('--scale', default='1000,4000,10000', help='patients of the stores that are compared')
    parser.add_argument('--scale-only', action='store_true')
    arguments = parser.parse_args()
    work = arguments.work or tempfile.mkdtemp(prefix='sluice-bench-')
    corpus, data = os.path.join(work, 'corpus'), os.path.join(work, 'data')
    rows, figures = [], {}

    def row(what, figure, goal):
        rows.append((what, figure, goal))
        print('%-38s %-46s %s' % (what, figure, goal), flush=True)

    try:
        if arguments.scale_only:
            scale.measure(arguments.sluice, work, [int(n) for n in arguments.scale.split(',')], row, Server, Client)
            return
        if not os.path.isdir(corpus):
            subprocess.run([arguments.sluice, 'generate', '--patients', str(arguments.patients), '--seed',
                            '1', '--out', corpus], check=True, stdout=subprocess.DEVNULL)
        size = folder_size(corpus)
        print('corpus: %d patients, %.2f GB of NDJSON, %d cores\n' %
              (arguments.patients, size / 1e9, os.cpu_count()))
        row('what', 'figure', 'goal')

        shutil.rmtree(data, ignore_errors=True)
        start = time.perf_counter()
        subprocess.run([arguments.sluice, 'load', '--data', data, corpus], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        row('load, durable', '%.0f MB/s (%.1f s)' % (size / 1e6 / seconds, seconds), '100 MB/s')
        writes.measure(arguments.sluice, work, corpus, size, seconds, row, Server, Client, percentile)
        writes.measure_handlers(arguments.write, work, row)
        tables.measure(arguments.sluice, work, corpus, row)

        groups = os.path.join(work, 'groups.ndjson')
        write_groups(corpus, groups)
        subprocess.run([arguments.sluice, 'load', '--data', data, groups], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        pipeline = json.loads(subprocess.run([arguments.pipeline, data, str(RUNS)], check=True,
                                             capture_output=True, text=True).stdout)
        figures['pipeline'] = pipeline
        row('full export, in process', '%d MB/s, %d resources/s' %
            (pipeline['export_MB_s'], pipeline['export_resources_s']), '1,500 MB/s, 1,000,000/s')
        row('raw pipeline, same process', '%d MB/s' % pipeline['raw_MB_s'], '')
        row('ratio to the raw pipeline', '%.2f' % pipeline['ratio'], '0.70')

        server = Server(arguments.sluice, data)
        client = Client(server.port)
        base = server.base
        full, manifest = median_export(client, base + '/$export')
        count, total = volume(manifest)
        row('full export over HTTP, to the manifest', '%.2f s: %.0f MB/s, %d resources/s' %
            (full, total / 1e6 / full, count / full), '')
        seconds, _ = median_export(client, base + '/$export?_elements=id')
        row('_elements=id', '%.2f s: %.0f MB/s of input per core' %
            (seconds, total / 1e6 / seconds / os.cpu_count()), '600 MB/s per core')
        patient, manifest = median_export(client, base + '/Patient/$export')
        row('Patient export', '%.2f s: %.0f MB/s' % (patient, volume(manifest)[1] / 1e6 / patient), '')
        seconds, manifest = median_export(client, base + '/Group/one/$export')
        row('group of one patient', '%.4f s: %.2f %% of the full export' % (seconds, 100 * seconds / full), '')
        for share in GROUP_SHARES:
            seconds, manifest = median_export(client, base + '/Group/share-%g/$export' % share)
            row('group of %g %% of the patients' % share, '%.3f s: %.1f %% of the full export' %
                (seconds, 100 * seconds / full), '3 %' if share == 1 else '')
        seconds, manifest = median_export(client, base + '/Group/million/$export')
        row('group of 1,000,000, 1 % are here', '%.3f s: %.1f %% of the full export' %
            (seconds, 100 * seconds / full), '')
        scanned = type_bytes(corpus, COHORT_FILTERS)
        seconds, members = cohort_seconds(client, base)
        row('cohort by %d filters, %d members' % (len(COHORT_FILTERS), members), '%.3f s: %.0f MB/s scanned' %
            (seconds, scanned / 1e6 / seconds), '')
        row('$add of one member to 1,000,000', '%.2f s' % member_changes(client, base), '')
        seconds, manifest = median_export(client, base + '/Patient/$export?organizeOutputBy=Patient')
        row('organizeOutputBy=Patient', '%.2f s: %.0f MB/s' %
            (seconds, volume(manifest)[1] / 1e6 / seconds), '')
        seconds, manifest = median_export(client, base + '/$export?organizeOutputBy=Encounter')
        row('organizeOutputBy=Encounter', '%.2f s: %.0f MB/s' %
            (seconds, volume(manifest)[1] / 1e6 / seconds), '')
        observations = os.path.getsize(os.path.join(corpus, 'Observation.ndjson'))
        for what, query, goal in (('by category', 'category=laboratory', '1,000 MB/s per core'),
                                  ('by status', 'status=final', ''), ('that nothing matches', 'status=nosuch', '')):
            seconds, manifest = median_export(client, base + '/$export?_type=Observation&_typeFilter=' +
                                              urllib.parse.quote('Observation?' + query))
            row('_typeFilter %s' % what, '%.3f s: %.0f MB/s of input per core, %.0f %% of it out' %
                (seconds, observations / 1e6 / seconds / os.cpu_count(),
                 100 * volume(manifest)[1] / observations), goal)
        with open(os.path.join(corpus, 'Patient.ndjson'), encoding='utf-8') as source:
            patient_id = json.loads(source.readline())['id']
        seconds, _ = median_export(client, base + '/$export?_type=Observation&_typeFilter=' +
                                   urllib.parse.quote('Observation?patient=' + patient_id))
        row('_typeFilter by one patient', '%.4f s' % seconds, '')
        since = manifest['transactionTime']
        kick_offs, polls = latency_under_load(server, base)
        for name, values in (('kick-off', kick_offs), ('status', polls)):
            row('%s while an export runs' % name, 'p50 %.1f ms, p99 %.1f ms (%d)' %
                (1e3 * percentile(values, 0.5), 1e3 * percentile(values, 0.99), len(values)), 'p99 5 ms')
        ours, theirs, stored, plain, plain_size = download_row(server, base, work, data)
        row('download gzip, %.0f MB' % (stored / 1e6), '%.3f s: %.0f MB/s' % (ours, stored / 1e6 / ours), '')
        row('the same from nginx', '%.3f s: ratio %.2f' % (theirs, ours / theirs), '1.10')
        row('download identity, %.0f MB' % (plain_size / 1e6), '%.0f MB/s' % (plain_size / 1e6 / plain), '')
        pulled, curled, memory, total = pull_against_curl(arguments.sluice, server, base, work)
        row('sluice pull, %.2f GB of NDJSON' % (total / 1e9), '%.2f s: %.0f MB/s; peak memory %.0f MiB' %
            (pulled, total / 1e6 / pulled, memory / 2**20), '128 MiB')
        row('curl --compressed of the same files', '%.2f s: ratio %.2f' % (curled, pulled / curled), '1.30')
        row('peak memory of the server', '%.0f MiB' % (server.peak_memory() / 2**20), '512 MiB')
        server.stop()

        lines = sum(1 for _ in open(os.path.join(corpus, 'Observation.ndjson'), 'rb'))
        for share, language, goal in ((0.001, 'en', '1 %'), (0.5, 'de', '')):
            changes = os.path.join(work, 'changes.ndjson')
            changed = change_some(corpus, changes, min(1, share * count / max(1, lines)), language)
            subprocess.run([arguments.sluice, 'load', '--data', data, changes], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            server = Server(arguments.sluice, data)
            client = Client(server.port)
            seconds, manifest = median_export(
                client, server.base + '/$export?_since=' + urllib.parse.quote(since))
            assert volume(manifest)[0] >= changed, (volume(manifest), changed)
            row('_since with %.2f %% changed' % (100 * volume(manifest)[0] / count),
                '%.4f s: %.2f %% of the full export' % (seconds, 100 * seconds / full), goal)
            server.stop()

        tokens = json.loads(subprocess.run([arguments.tokens], check=True, capture_output=True,
                                           text=True).stdout)
        row('token check on a request', '%.1f us' % tokens['check_us'], '20 us')
        row('token issue (ES384)', '%.2f ms; the assertion before it %.2f ms' %
            (tokens['issue_ms'], tokens['assertion_ms']), '2 ms')
        search = json.loads(subprocess.run([arguments.search, os.path.join(corpus, 'Observation.ndjson')],
                                           check=True, capture_output=True, text=True).stdout)
        row('filter by status, one core', '%d MB/s: %.2f of bare simdjson' %
            (search['status_mb_s'], search['status_mb_s'] / search['simdjson_mb_s']), '1000 MB/s')
        row('filter by category, one core', '%d MB/s: %.2f of bare simdjson' %
            (search['category_mb_s'], search['category_mb_s'] / search['simdjson_mb_s']), '1000 MB/s')
        paths = json.loads(subprocess.run([arguments.fhirpath, os.path.join(corpus, 'Observation.ndjson')],
                                          check=True, capture_output=True, text=True).stdout)
        row('FHIRPath, a simple path', '%d ns; with where() and first() %d ns; tokens %d ns' %
            (paths['path_ns'], paths['where_ns'], paths['tokens_ns']), '1000 ns')
        with_token, without = authorized_download(arguments.sluice, data, work)
        row('authorized download against open', 'ratio %.3f (best of %d)' %
            (min(with_token) / min(without), len(without)), '1.02')
        scale.measure(arguments.sluice, work, [int(n) for n in arguments.scale.split(',')], row, Server, Client)
        if arguments.json:
            with open(arguments.json, 'w') as out:
                json.dump({'rows': rows, **figures}, out, indent=1)
    finally:
        if not arguments.work:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    main()
