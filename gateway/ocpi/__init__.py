"""The edge to partners: OCPI in the CPO role.  A version is a folder and one line in `versions.py`."""
