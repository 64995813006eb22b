"""Runs of other trackers, brought into the store: Trackio, W&B, TensorBoard, CSV."""
