"""A process that answers requests, a JSON object a line, so that what is compiled and warm stays so while others run.

Import this before anything that may print: answers have the process's stdout to themselves, all else goes to stderr.
"""
import ctypes
import json
import os
import sys
import warnings

warnings.filterwarnings("ignore")
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

highest = 0


def peak_mib():
    """The most memory that the process held since `reset_peak`, MiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def whole_peak_mib():
    """The most that it ever held, compiling included."""
    return max(highest, peak_mib())


def reset_peak():
    """Gives what is free back to the system, and counts the peak anew."""
    global highest
    highest = whole_peak_mib()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")


def give_back():
    """Leaves the machine's memory to whoever is measured next."""
    ctypes.CDLL(None).malloc_trim(0)


def say(answer):
    print(json.dumps(answer, allow_nan=False), file=answers, flush=True)


def serve(handlers, facts):
    """Says that it is ready, then answers each {name: request} by handlers[name](request), until stdin ends."""
    say({"ready": facts})
    for line in sys.stdin:
        (name, request), = json.loads(line).items()
        try:
            say(handlers[name](request))
        except Exception as error:
            say({"error": f"{type(error).__name__}: {error}"[-600:]})
        give_back()
