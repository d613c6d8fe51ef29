-- NVTX ranges by text, the longest in total first.
--
-- One row is: all closed ranges of one text. Nested ranges count in each of their levels.
--
-- Needs: NVTX_EVENTS(start, end, eventType, text?, textId?)
-- Needs: StringIds(id, value)
--
-- Columns:
--   text      text   text of the ranges
--   count     count  ranges
--   total_ns  ns     sum of durations on the CPU
--   mean_ns   ns     total / count
--   min_ns    ns     shortest
--   max_ns    ns     longest
SELECT
    coalesce(registered.value, range.text, '') AS text,
    count(*) AS count,
    sum(range.end - range.start) AS total_ns,
    1.0 * sum(range.end - range.start) / count(*) AS mean_ns,
    min(range.end - range.start) AS min_ns,
    max(range.end - range.start) AS max_ns
FROM NVTX_EVENTS AS range
LEFT JOIN StringIds AS registered ON registered.id = range.textId
WHERE range.eventType IN (59, 60, 70, 71) AND range.end IS NOT NULL
GROUP BY 1
ORDER BY sum(range.end - range.start) DESC, 1;
