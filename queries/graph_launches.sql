-- Every CUDA graph that ran as a whole, with the API call that launched it.
--
-- One row is: one launch of one graph. Only captures with --cuda-graph-trace=graph have these; with =node the
-- kernels of a graph are in the query kernels, with their graph_node.
--
-- Needs: CUPTI_ACTIVITY_KIND_GRAPH_TRACE(start, end, deviceId, streamId, graphId?, correlationId?, globalPid?)
-- Needs: CUPTI_ACTIVITY_KIND_RUNTIME?(start, end, globalTid, correlationId)
--
-- Columns:
--   start_ns       ns  start on the GPU
--   end_ns         ns  end on the GPU
--   duration_ns    ns  end - start
--   device         id  CUDA device ordinal
--   stream         id  CUDA stream
--   graph          id  CUDA graph
--   pid            id  process
--   correlation    id  shared with the API call, within one process
--   call_start_ns  ns  start of the API call, NULL when it is not in the trace
--   delay_ns       ns  start on the GPU - return of the API call; negative when the GPU started before it
SELECT
    graph.start AS start_ns,
    graph.end AS end_ns,
    graph.end - graph.start AS duration_ns,
    graph.deviceId AS device,
    graph.streamId AS stream,
    graph.graphId AS graph,
    graph.globalPid >> 24 & 0xFFFFFF AS pid,
    graph.correlationId AS correlation,
    call.start AS call_start_ns,
    graph.start - call.end AS delay_ns
FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE AS graph
LEFT JOIN CUPTI_ACTIVITY_KIND_RUNTIME AS call
    ON call.correlationId = graph.correlationId AND call.globalTid & ~0xFFFFFF = graph.globalPid
ORDER BY graph.start, graph.end;
