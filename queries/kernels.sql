-- Every kernel that ran, in the order in which it started.
--
-- One row is: one kernel on one GPU.
--
-- Needs: CUPTI_ACTIVITY_KIND_KERNEL(start, end, deviceId, streamId, correlationId?, globalPid?, demangledName,
--        registersPerThread, gridX, gridY, gridZ, blockX, blockY, blockZ, staticSharedMemory,
--        dynamicSharedMemory, graphNodeId?)
-- Needs: StringIds(id, value)
--
-- Columns:
--   start_ns      ns     start on the GPU
--   end_ns        ns     end on the GPU
--   duration_ns   ns     end - start
--   device        id     CUDA device ordinal
--   stream        id     CUDA stream
--   name          text   demangled name
--   grid          text   blocks in x, y, z
--   block         text   threads per block in x, y, z
--   registers     count  registers per thread
--   shared_bytes  bytes  static and dynamic shared memory per block
--   pid           id     process that launched it
--   correlation   id     shared with the API call that launched it, within one process
--   graph_node    id     CUDA graph node, NULL outside graphs
SELECT
    kernel.start AS start_ns,
    kernel.end AS end_ns,
    kernel.end - kernel.start AS duration_ns,
    kernel.deviceId AS device,
    kernel.streamId AS stream,
    name.value AS name,
    kernel.gridX || 'x' || kernel.gridY || 'x' || kernel.gridZ AS grid,
    kernel.blockX || 'x' || kernel.blockY || 'x' || kernel.blockZ AS block,
    kernel.registersPerThread AS registers,
    kernel.staticSharedMemory + kernel.dynamicSharedMemory AS shared_bytes,
    kernel.globalPid >> 24 & 0xFFFFFF AS pid,
    kernel.correlationId AS correlation,
    kernel.graphNodeId AS graph_node
FROM CUPTI_ACTIVITY_KIND_KERNEL AS kernel
LEFT JOIN StringIds AS name ON name.id = kernel.demangledName
ORDER BY kernel.start, kernel.end;
