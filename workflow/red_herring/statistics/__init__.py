"""What can be said of runs beyond means: paired tests, intervals, correlations. Arrays in, numbers out; NaN: undefined.

Every random draw starts from a fixed seed, so the same runs give the same numbers.
"""
