"""Tests of the simulator against its real server."""
