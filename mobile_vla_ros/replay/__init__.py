"""Recorded driving through the deployed pipeline, beside what was driven."""
