-- Time that nsys itself took from the program, by cause.
--
-- One row is: all overhead of one name.
--
-- Needs: PROFILER_OVERHEAD(start, end, nameId)
-- Needs: StringIds(id, value)
--
-- Columns:
--   name      text   cause, as nsys names it
--   count     count  how often
--   total_ns  ns     sum of durations, over all threads
--   max_ns    ns     longest
SELECT
    name.value AS name,
    count(*) AS count,
    sum(overhead.end - overhead.start) AS total_ns,
    max(overhead.end - overhead.start) AS max_ns
FROM PROFILER_OVERHEAD AS overhead
LEFT JOIN StringIds AS name ON name.id = overhead.nameId
GROUP BY overhead.nameId
ORDER BY sum(overhead.end - overhead.start) DESC, overhead.nameId;
