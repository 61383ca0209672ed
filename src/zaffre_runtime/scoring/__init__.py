"""The scoring server of one replica: `python zaffre_boot.py zaffre_runtime.scoring` runs `__main__`.

http.py (routes) -> dataplane.py (the one place that scores) -> scripts.py or loaders/ (what answers).
"""
