"""The rows of the benchmark that ask what a store's size does to the cost of a small answer: the same group of 40
patients and the same 1,000 changes in stores of more and more patients.

A corpus begins with the patients of every smaller one, so that the answers are the same. What the server reads for
them is counted too, for that does not depend on what else the machine does.
"""
import json, os, shutil, statistics, subprocess, urllib.parse

RUNS = 5
MEMBERS = 40
CHANGES = 1000


def first_lines(path, count):
    with open(path, encoding='utf-8') as source:
        return [json.loads(line) for _, line in zip(range(count), source)]


def write_lines(path, resources):
    with open(path, 'w', encoding='utf-8') as out:
        for resource in resources:
            out.write(json.dumps(resource, ensure_ascii=False, separators=(',', ':')) + '\n')


def reads_of(server):
    """Bytes and calls of the server's reads until now, whatever the page cache had."""
    with open('/proc/%d/io' % server.process.pid) as counters:
        values = dict(line.split(': ') for line in counters)
    return int(values['rchar']), int(values['syscr'])


def measured(server, client, url):
    """Median of seconds; bytes and calls of reads for one export; what came of it: resources and bytes."""
    _, manifest, location = client.export(server.base + url)
    client.delete(location)
    times = []
    before = reads_of(server)
    for _ in range(RUNS):
        seconds, manifest, location = client.export(server.base + url)
        times.append(seconds)
        client.delete(location)
    after = reads_of(server)
    read, calls = ((now - then) / RUNS for now, then in zip(after, before))
    return statistics.median(times), read, calls, [sum(f[name] for f in manifest['output'])
                                                   for name in ('count', 'fileSize')]


def measure(sluice, work, sizes, row, new_server, new_client):
    def quietly(*command):
        subprocess.run([sluice, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    answers = {}
    for patients in sorted(sizes):
        corpus, data = (os.path.join(work, '%s-%d' % (name, patients)) for name in ('corpus', 'scale'))
        if not os.path.isdir(corpus):
            quietly('generate', '--patients', str(patients), '--seed', '1', '--out', corpus)
        shutil.rmtree(data, ignore_errors=True)
        quietly('load', '--data', data, corpus)
        group, changes = (os.path.join(work, name) for name in ('scale-group.ndjson', 'scale-changes.ndjson'))
        write_lines(group, [{
            'resourceType': 'Group', 'id': 'same', 'type': 'person', 'actual': True, 'member': [
                {'entity': {'reference': 'Patient/' + patient['id']}}
                for patient in first_lines(os.path.join(corpus, 'Patient.ndjson'), MEMBERS)]}])
        write_lines(changes, [{**resource, 'language': 'en'} for resource in
                              first_lines(os.path.join(corpus, 'Observation.ndjson'), CHANGES)])
        quietly('load', '--data', data, group)
        server = new_server(sluice, data)
        client = new_client(server.port)
        full, _, _, whole = measured(server, client, '/$export')
        row('store of %d patients: full export' % patients, '%.2f s: %d resources, %.0f MB' %
            (full, whole[0], whole[1] / 1e6), '')
        of_group = measured(server, client, '/Group/same/$export')
        _, manifest, location = client.export(server.base + '/$export?_type=Organization')
        client.delete(location)
        server.stop()
        quietly('load', '--data', data, changes)
        server = new_server(sluice, data)
        client = new_client(server.port)
        of_changes = measured(server, client,
                              '/$export?_since=' + urllib.parse.quote(manifest['transactionTime']))
        server.stop()
        shutil.rmtree(data)
        for name, figures in (('the same group of %d patients' % MEMBERS, of_group),
                              ('the same %d changes by _since' % CHANGES, of_changes)):
            seconds, read, calls, answer = figures
            row('store of %d patients: %s' % (patients, name), '%.4f s: %d resources, %.2f MB; %.1f MB read in %d calls'
                % (seconds, answer[0], answer[1] / 1e6, read / 1e6, calls), '')
            first = answers.setdefault(name, answer)
            assert answer[0] == first[0], (name, answer, first)
