// Exists so that the precompiled header, which all targets share, has a target of its own.
