"""The .assay file: one ONNX graph, its schema and dossier, written and read without pickle."""
