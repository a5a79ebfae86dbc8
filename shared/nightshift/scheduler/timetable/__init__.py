"""The timetable: which schedules exist, read from a file."""
