"""The foundation: errors, names, time, settings. Imports nothing of Zaffre and no framework."""
