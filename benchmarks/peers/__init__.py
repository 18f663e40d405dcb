"""The readers that are compared: each a module with `version` and `batches`, see measure.Peer."""
