# SPDX-License-Identifier: MIT
# The version of the library, the command and their packages.
PYQ_VERSION := 0.1.0
