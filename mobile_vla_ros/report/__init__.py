"""Pages and limits that all reports share."""
