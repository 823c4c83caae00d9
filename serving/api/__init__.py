"""The BentoML service and its wire: Open Inference Protocol v2 with binary tensors."""
