-- Every memory copy that a GPU did, in the order in which it started.
--
-- One row is: one copy.
--
-- Needs: CUPTI_ACTIVITY_KIND_MEMCPY(start, end, deviceId, streamId, correlationId?, globalPid?, bytes, copyKind,
--        srcKind?, dstKind?)
-- Needs: ENUM_CUDA_MEMCPY_OPER?(id, label)
-- Needs: ENUM_CUDA_MEM_KIND?(id, label)
--
-- Columns:
--   start_ns          ns     start on the GPU
--   end_ns            ns     end on the GPU
--   duration_ns       ns     end - start
--   device            id     CUDA device ordinal
--   stream            id     CUDA stream
--   direction         text   such as Host-to-Device; the number of the kind where the export names none
--   bytes             bytes  bytes moved
--   bytes_per_second  bytes  bytes in a second at this copy's speed
--   source            text   kind of memory read: Pageable, Pinned, Device, ...
--   destination       text   kind of memory written
--   pid               id     process
--   correlation       id     shared with the API call that asked for it, within one process
SELECT
    copy.start AS start_ns,
    copy.end AS end_ns,
    copy.end - copy.start AS duration_ns,
    copy.deviceId AS device,
    copy.streamId AS stream,
    ifnull(kind.label, copy.copyKind) AS direction,
    copy.bytes AS bytes,
    1e9 * copy.bytes / nullif(copy.end - copy.start, 0) AS bytes_per_second,
    source.label AS source,
    destination.label AS destination,
    copy.globalPid >> 24 & 0xFFFFFF AS pid,
    copy.correlationId AS correlation
FROM CUPTI_ACTIVITY_KIND_MEMCPY AS copy
LEFT JOIN ENUM_CUDA_MEMCPY_OPER AS kind ON kind.id = copy.copyKind
LEFT JOIN ENUM_CUDA_MEM_KIND AS source ON source.id = copy.srcKind
LEFT JOIN ENUM_CUDA_MEM_KIND AS destination ON destination.id = copy.dstKind
ORDER BY copy.start, copy.end;
