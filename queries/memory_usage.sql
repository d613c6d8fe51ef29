-- Device memory over time: every allocation and release that CUDA saw, with what is then in use.
--
-- One row is: one allocation or release. PyTorch's own allocator asks CUDA for segments, not for tensors;
-- under cudaMallocAsync every tensor is a row.
--
-- Needs: CUDA_GPU_MEMORY_USAGE_EVENTS(start, globalPid, deviceId, address, bytes, memKind, memoryOperationType,
--        correlationId?, localMemoryPoolSize?, localMemoryPoolUtilizedSize?)
-- Needs: ENUM_CUDA_MEM_KIND?(id, label)
--
-- Columns:
--   time_ns          ns     when it happened
--   device           id     CUDA device ordinal
--   operation        text   allocate or release
--   memory           text   kind of memory: Device, Pinned, ...
--   bytes            bytes  size of the allocation
--   in_use_bytes     bytes  allocated and not released since the trace began, per process, device and kind
--   pool_bytes       bytes  size of the memory pool afterwards, NULL outside pools
--   pool_used_bytes  bytes  what of it is in use
--   address          id     virtual address
--   pid              id     process
--   correlation      id     shared with the API call, within one process
SELECT
    event.start AS time_ns,
    event.deviceId AS device,
    CASE event.memoryOperationType WHEN 0 THEN 'allocate' WHEN 1 THEN 'release' END AS operation,
    ifnull(kind.label, event.memKind) AS memory,
    event.bytes AS bytes,
    sum(CASE event.memoryOperationType WHEN 0 THEN event.bytes WHEN 1 THEN -event.bytes END) OVER (
        PARTITION BY event.globalPid, event.deviceId, event.memKind
        ORDER BY event.start, event.rowid
        ROWS UNBOUNDED PRECEDING
    ) AS in_use_bytes,
    event.localMemoryPoolSize AS pool_bytes,
    event.localMemoryPoolUtilizedSize AS pool_used_bytes,
    event.address AS address,
    event.globalPid >> 24 & 0xFFFFFF AS pid,
    event.correlationId AS correlation
FROM CUDA_GPU_MEMORY_USAGE_EVENTS AS event
LEFT JOIN ENUM_CUDA_MEM_KIND AS kind ON kind.id = event.memKind
ORDER BY event.start, event.rowid;
