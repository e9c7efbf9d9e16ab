# SPDX-License-Identifier: MIT
"""One module for each server that is measured: server.py says what is in it."""
