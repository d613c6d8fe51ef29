"""nsysprof: from an Nsight Systems capture to the reason why a step takes as long as it does."""
