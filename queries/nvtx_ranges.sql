-- Every NVTX range, in the order in which it opened.
--
-- One row is: one push/pop or start/end range.
--
-- Needs: NVTX_EVENTS(start, end, eventType, text?, globalTid?, endGlobalTid?, textId?, domainId?)
-- Needs: StringIds(id, value)
--
-- Columns:
--   start_ns     ns    when it opened
--   end_ns       ns    when it closed, NULL when it never did
--   duration_ns  ns    end - start
--   text         text  its text
--   domain       text  its NVTX domain, empty for the default domain
--   kind         text  push/pop or start/end
--   pid          id    process
--   tid          id    thread on which it opened
--   end_tid      id    thread on which it closed, NULL when that is the same
WITH domain AS (
    SELECT
        created.globalTid >> 24 AS process,
        created.domainId AS id,
        ifnull(min(name.value), min(created.text)) AS name
    FROM NVTX_EVENTS AS created
    LEFT JOIN StringIds AS name ON name.id = created.textId
    WHERE created.eventType = 75
    GROUP BY 1, 2
)
SELECT
    range.start AS start_ns,
    range.end AS end_ns,
    range.end - range.start AS duration_ns,
    coalesce(registered.value, range.text, '') AS text,
    ifnull(domain.name, '') AS domain,
    CASE WHEN range.eventType IN (59, 70) THEN 'push/pop' ELSE 'start/end' END AS kind,
    range.globalTid >> 24 & 0xFFFFFF AS pid,
    range.globalTid & 0xFFFFFF AS tid,
    range.endGlobalTid & 0xFFFFFF AS end_tid
FROM NVTX_EVENTS AS range
LEFT JOIN StringIds AS registered ON registered.id = range.textId
LEFT JOIN domain ON domain.id = range.domainId AND domain.process = range.globalTid >> 24
WHERE range.eventType IN (59, 60, 70, 71)
ORDER BY range.start, range.end DESC;
