"""Tables: a view of ten columns over the Observations of the corpus, beside DuckDB's read_json for the same columns."""
import importlib.util, os, statistics, subprocess, sys, time

RUNS = 5
VIEW = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'observation_view.json')
# One thread, and zstd as ours. With types it is told those that are needed, which is what DuckDB does fastest; without it finds
# them, as one asks it first. Ours keeps the digits of numbers, which it cannot.
DUCKDB = '''
import sys, time
import duckdb
source, target, types = sys.argv[1:]
duckdb.execute("SET threads = 1")
start = time.process_time()
duckdb.execute(f"""COPY (
    SELECT id, split_part(subject.reference, '/', -1) AS patient, split_part(encounter.reference, '/', -1) AS encounter, status,
           category[1].coding[1].code AS category, code.coding[1].code AS code, code.text AS code_text,
           effectiveDateTime AS effective, valueQuantity.value AS value, valueQuantity.unit AS unit
    FROM read_json('{source}'{types}))
    TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")
print(time.process_time() - start)
'''
TYPES = ''', format = 'newline_delimited', columns = {
    id: 'VARCHAR', subject: 'STRUCT(reference VARCHAR)', encounter: 'STRUCT(reference VARCHAR)', status: 'VARCHAR',
    category: 'STRUCT(coding STRUCT(code VARCHAR)[])[]', code: 'STRUCT(coding STRUCT(code VARCHAR)[], "text" VARCHAR)',
    effectiveDateTime: 'VARCHAR', valueQuantity: 'STRUCT("value" DOUBLE, unit VARCHAR)'}'''
SAME = '''
import sys
import duckdb
ours, theirs = (f"SELECT * REPLACE (CAST(value AS DOUBLE) AS value) FROM '{path}'" for path in sys.argv[1:])
assert duckdb.sql(ours).columns == duckdb.sql(theirs).columns
for a, b in ((ours, theirs), (theirs, ours)):
    left = duckdb.sql(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchall()[0][0]
    assert left == 0, (left, duckdb.sql(f"({a} EXCEPT ALL {b}) LIMIT 3").fetchall())
'''


def processor_seconds(command):
    """Seconds of the processors, user's and system's, that a command takes, and the most memory that it holds."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    peak = 0
    while True:
        ended, status, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            break
        with open('/proc/%d/status' % process.pid) as file:
            peak = max([peak, *(int(line.split()[1]) * 1024 for line in file if line.startswith('VmHWM'))])
        time.sleep(0.005)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (command[:3], process.returncode)
    return usage.ru_utime + usage.ru_stime, peak


def measure(sluice, work, corpus, row):
    """Both in turns, each on one thread. What they make is compared, row by row."""
    source = os.path.join(corpus, 'Observation.ndjson')
    megabytes = os.path.getsize(source) / 1e6
    ours, theirs = os.path.join(work, 'ours.parquet'), os.path.join(work, 'theirs.parquet')
    # A view of nothing tells whether there is Parquet.
    done = subprocess.run([sluice, 'table', VIEW, os.devnull, '--out', ours], stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        row('table of 10 columns, Parquet', 'Parquet is not there', '250 MB/s per core')
        return
    has_duckdb = importlib.util.find_spec('duckdb') is not None
    times = {'parquet': [], 'ndjson': [], 'found': [], 'told': []}
    memory = 0
    for _ in range(RUNS):
        for format in ('parquet', 'ndjson'):
            target = ours if format == 'parquet' else os.path.join(work, 'ours.ndjson')
            seconds, peak = processor_seconds([sluice, 'table', VIEW, source, '--out', target])
            times[format].append(seconds)
            memory = max(memory, peak)
        for name, types in (('found', ''), ('told', TYPES)) if has_duckdb else ():
            done = subprocess.run([sys.executable, '-c', DUCKDB, source, theirs, types], check=True, capture_output=True,
                                  text=True)
            times[name].append(float(done.stdout))
    rates = {name: megabytes / statistics.median(found) for name, found in times.items() if found}
    row('table of 10 columns, Parquet', '%.0f MB/s of input per core; peak memory %.0f MiB' %
        (rates['parquet'], memory / 2**20), '250 MB/s per core')
    row('the same as NDJSON', '%.0f MB/s of input per core' % rates['ndjson'], '')
    if not has_duckdb:
        row("the same by DuckDB's read_json", 'DuckDB is not there (./dev bench fetches it)', '5')
        return
    subprocess.run([sys.executable, '-c', SAME, ours, theirs], check=True)
    for what, name, goal in (("the same by DuckDB's read_json", 'found', '5'), ('and when it is told the types', 'told', '')):
        row(what, '%.0f MB/s per core: ratio %.1f' % (rates[name], rates['parquet'] / rates[name]), goal)
