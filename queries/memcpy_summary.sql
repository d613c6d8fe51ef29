-- Memory copies by direction, the most expensive first.
--
-- One row is: all copies of one direction.
--
-- Needs: CUPTI_ACTIVITY_KIND_MEMCPY(start, end, bytes, copyKind)
-- Needs: ENUM_CUDA_MEMCPY_OPER?(id, label)
--
-- Columns:
--   direction         text   such as Host-to-Device
--   count             count  copies
--   bytes             bytes  bytes moved in total
--   total_ns          ns     sum of durations
--   mean_ns           ns     total / count
--   max_ns            ns     longest
--   bytes_per_second  bytes  bytes / total time
SELECT
    ifnull(kind.label, copy.copyKind) AS direction,
    count(*) AS count,
    sum(copy.bytes) AS bytes,
    sum(copy.end - copy.start) AS total_ns,
    1.0 * sum(copy.end - copy.start) / count(*) AS mean_ns,
    max(copy.end - copy.start) AS max_ns,
    1e9 * sum(copy.bytes) / nullif(sum(copy.end - copy.start), 0) AS bytes_per_second
FROM CUPTI_ACTIVITY_KIND_MEMCPY AS copy
LEFT JOIN ENUM_CUDA_MEMCPY_OPER AS kind ON kind.id = copy.copyKind
GROUP BY copy.copyKind
ORDER BY sum(copy.end - copy.start) DESC, copy.copyKind;
