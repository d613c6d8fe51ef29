"""From kernel to launch to range to step, and every nanosecond of a step to one bucket."""
