"""Encoder, learners, calibration and prediction sets: what turns rows into scores."""
