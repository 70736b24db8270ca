"""The Open Inference Protocol v2 over gRPC, beside REST: the same answers, the same guard, another wire."""
