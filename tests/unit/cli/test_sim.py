"""`vnic sim` on the Python NIC: what it prints, what it leaves, and what it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import struct
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.test_capture import pcap
from vnic.capture import read_capture
from vnic.cli.sim import Request, sim_command
from vnic.driver.buffers import RCTL_SIZE
from vnic.nic.registers import RCTL

MODEL = ("--target", "model")
KEYS = {"frames", "agree", "verdicts", "cycles_per_frame", "beats_per_frame", "kernel", "seed"}


def left(folder: Path) -> list[str]:
    """Everything in a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_json_has_the_documented_keys_and_is_what_the_result_holds(vnic: Run, tmp_path: Path) -> None:
    done = vnic("sim", *MODEL, "--out", "run", "--seed", "7", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.keys() >= KEYS | {"schema", "received", "alignment", "targets", "out"}
    assert result["frames"] == result["received"] == 283
    assert (result["kernel"], result["seed"], result["agree"]) == ("2.6.9/i386-686", 7, None)
    for verdict in result["verdicts"]:
        assert verdict.keys() >= {"id", "severity", "where", "detail"}
    assert [v["id"] for v in result["verdicts"] if v["severity"] == "warning"] == ["slab-spill"]
    assert result["alignment"]["offsets"] == {"18": 283}
    assert result["alignment"]["ip_header_mod_4"] == [0]
    kept = json.loads((tmp_path / "run" / "result.json").read_text())
    assert kept == {key: value for key, value in result.items() if key != "out"}


def test_the_result_directory_is_complete(vnic: Run, tmp_path: Path, data: Path) -> None:
    assert vnic("sim", *MODEL, "--out", "run").returncode == 0
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "result.json", "frames.parquet", "results.xml", "vnic.log", "received.pcap", "targets",
    }  # fmt: skip
    assert left(tmp_path)[0] == "run"
    sent = [frame.data for frame in read_capture(data / "mixed.pcap").frames]
    assert [frame.data for frame in read_capture(run / "received.pcap").frames] == sent
    table = pq.read_table(run / "frames.parquet")
    assert table.column("length").to_pylist() == [len(frame) + 4 for frame in sent]
    suite = ET.parse(run / "results.xml").getroot().find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "0"
    assert int(suite.get("tests", "0")) == len(suite.findall("testcase")) > 20
    assert (run / "targets" / "model" / "record.json").is_file()


def test_the_screen_says_what_decides(vnic: Run) -> None:
    text = " ".join(vnic("sim", *MODEL).stdout.split())
    assert "283 of 283" in text
    assert "size-2048 → size-4096" in text
    assert "skb_shared_info decides" in text
    assert "6.1/x86_64" in text
    assert "1522 by build_skb" in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "arguments",
    [
        ("--mode", "reflect"),
        ("--mode", "loopback"),
        ("--kernel", "6.1/x86_64"),
        ("--kernel", "2.6.18/ppc64"),
        ("--buffer", "256"),
        ("--rx-ring", "8", "--tx-ring", "8"),
        ("--strip-fcs",),
    ],
)
def test_other_ways_to_run_it(vnic: Run, arguments: tuple[str, ...]) -> None:
    done = vnic("sim", *MODEL, *arguments, "--json")
    result = json.loads(done.stdout)
    errors = [verdict for verdict in result["verdicts"] if verdict["severity"] == "error"]
    assert done.returncode == 0, errors
    assert result["received"] > 0


def test_jumbo_frames_need_the_mtu(vnic: Run, data: Path) -> None:
    jumbo = data / "jumbo.pcap"
    taken = json.loads(vnic("sim", jumbo, *MODEL, "--mtu", "9000", "--json").stdout)
    assert taken["received"] == taken["frames"] == 112
    dropped = json.loads(vnic("sim", jumbo, *MODEL, "--json").stdout)
    long = sum(len(frame.data) > 1518 for frame in read_capture(jumbo).frames)
    assert dropped["frames"] - dropped["received"] == dropped["targets"]["model"]["hardware"]["ROC"] == long


def test_an_error_verdict_is_exit_code_1_and_a_failed_test_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A driver that tells the NIC 8192 where it maps 4096 bytes, with long packets on."""
    monkeypatch.setitem(RCTL_SIZE, 4096, RCTL.BSIZE_512 | RCTL.BSEX)
    request = Request(
        capture=None, kernel="2.6.9/i386-686", mtu=2000, buffer=None, strategy=None, targets="model",
        strip_fcs=False, mode="receive", data_width=64, rx_ring=256, tx_ring=256, seed=1, waves=False,
        out=tmp_path / "run", force=False,
    )  # fmt: skip
    assert sim_command(request, as_json=True) == 1
    verdicts = json.loads(capsys.readouterr().out)["verdicts"]
    assert "rctl-bsize" in {verdict["id"] for verdict in verdicts if verdict["severity"] == "error"}
    cases = ET.parse(tmp_path / "run" / "results.xml").getroot().iter("testcase")
    assert "rctl-bsize" in {case.get("name") for case in cases if case.find("failure") is not None}


FRAME = bytes.fromhex("525400123456525400123401 0800") + bytes(46)
BAD_CAPTURES = {
    "empty": (b"", "is empty"),
    "truncated": (pcap([FRAME])[:-1], "cut off"),
    "no-frames": (pcap([]), "no frames"),
    "not-ethernet": (pcap([FRAME], linktype=101), "not Ethernet"),
    "oversized": (pcap([FRAME * 300]), "at most 16380"),
    "text": (b"this is not a capture, it only has its name\n", "not a pcap"),
}


@pytest.mark.parametrize("name", BAD_CAPTURES)
def test_bad_captures(vnic: Run, tmp_path: Path, name: str) -> None:
    content, says = BAD_CAPTURES[name]
    (tmp_path / "bad.pcap").write_bytes(content)
    done = vnic("sim", "bad.pcap", *MODEL, "--out", "run")
    assert_refused(done, 2, says)
    assert left(tmp_path) == ["bad.pcap"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nothing.pcap",), "nothing.pcap: No such file"),
        (("--kernel", "2.6.9/i386"), "did you mean 2.6.9/i386-686"),
        (("--mtu", "45"), "mtu 45"),
        (("--mtu", "16111"), "mtu 16111"),
        (("--buffer", "1000"), "buffer of 1000 bytes: give one of 256"),
        (("--strategy", "packet-split"), "no packet-split descriptors"),
        (("--strategy", "build_skb"), "no page fragments"),
        (("--rx-ring", "12"), "multiples of 128 bytes"),
        (("--tx-ring", "0"), "multiple of 8 from 8 to 4096"),
        (("--rx-ring", "4104"), "multiple of 8 from 8 to 4096"),
        (("--data-width", "96"), "give one of 64, 128, 256, 512"),
        (("--seed", "-1"), "seed -1"),
        (("--waves",), "waves are those of the Verilog NIC"),
        (("--force",), "name it"),
        (("--target", "virtio"), "--target virtio: no NIC 'virtio'; give one of model, icarus, qemu, "),
        (("--target", "model,both"), "--target model,both: model twice"),
        (("--target", "model,qemu-e1000e", "--mtu", "9213"), "mtu 9213: the 82574L takes up to 9212 bytes"),
        (("--target", "all", "--mode", "loopback"), "QEMU's e1000 has no MAC loopback"),
        (("--mtu", "9000", "--buffer", "1522"), "RCTL has no such size"),
    ],
)
def test_bad_options(vnic: Run, tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    done = vnic("sim", *MODEL, *arguments)
    assert_refused(done, 2, says)
    assert left(tmp_path) == []


def test_a_result_is_not_overwritten_unasked_and_nothing_else_is_ever_removed(
    vnic: Run, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    assert_refused(vnic("sim", *MODEL, "--out", "mine"), 2, "not empty")
    assert_refused(vnic("sim", *MODEL, "--out", "mine", "--force"), 2, "not a result of vnic")
    assert left(tmp_path / "mine") == ["thesis.tex"]
    (tmp_path / "file").write_text("")
    assert_refused(vnic("sim", *MODEL, "--out", "file", "--force"), 2, "not a directory")
    assert vnic("sim", *MODEL, "--out", "run", "--seed", "1").returncode == 0
    assert_refused(vnic("sim", *MODEL, "--out", "run", "--seed", "2"), 2, "--force")
    assert json.loads((tmp_path / "run" / "result.json").read_text())["seed"] == 1
    assert vnic("sim", *MODEL, "--out", "run", "--seed", "2", "--force").returncode == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["seed"] == 2
    assert {path.name for path in tmp_path.iterdir()} == {"mine", "file", "run"}


def test_a_place_that_cannot_be_written(vnic: Run, tmp_path: Path) -> None:
    # Not even root can make a directory there.
    assert_refused(vnic("sim", *MODEL, "--out", "/proc/vnic"), 1, "/proc/vnic: cannot write the result")
    assert left(tmp_path) == []


def private_mounts() -> bool:
    """Whether this user may mount a file system that only his process sees."""
    probe = ["unshare", "-rm", "true"]
    return shutil.which("unshare") is not None and subprocess.run(probe, capture_output=True).returncode == 0


@pytest.mark.skipif(not private_mounts(), reason="unshare -rm is not allowed here")
@pytest.mark.parametrize("kilobytes", [8, 300, 400])
def test_a_full_disk_leaves_nothing(tmp_path: Path, kilobytes: int) -> None:
    """The disk fills while frames are handed over, while they come out, and while the run is recorded."""
    (tmp_path / "disk").mkdir()
    script = (
        f"mount -t tmpfs -o size={kilobytes}k,mode=777 none disk; "
        f"{sys.executable} -m vnic sim --target model --out disk/run; code=$?; "
        "ls -A disk; exit $code"
    )
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert_refused(done, 1, "No space left on device")


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_ctrl_c_in_mid_run(tmp_path: Path, data: Path, number: signal.Signals, word: str) -> None:
    raw = (data / "mixed.pcap").read_bytes()
    (tmp_path / "long.pcap").write_bytes(raw[:24] + raw[24:] * 60)
    process = subprocess.Popen(
        [sys.executable, "-m", "vnic", "sim", "long.pcap", *MODEL, "--out", "run"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".run.partial-*/targets/.model.partial-*/dma.parquet")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err == f"vnic: {word}; nothing was kept\n"
    assert out == ""
    assert left(tmp_path) == ["long.pcap"]


def test_a_capture_of_every_kind_passes(vnic: Run, tmp_path: Path) -> None:
    frames = [FRAME + bytes([n]) * n * 100 for n in range(14)]
    (tmp_path / "be.pcap").write_bytes(pcap(frames, endian=">", nano=True))
    result = json.loads(vnic("sim", "be.pcap", *MODEL, "--json").stdout)
    assert result["received"] == 14
    (tmp_path / "cut.pcap").write_bytes(pcap(frames, snaplen=500))
    result = json.loads(vnic("sim", "cut.pcap", *MODEL, "--json").stdout)
    assert (result["frames"], result["frames_cut"]) == (5, 9)


def test_the_received_capture_opens_elsewhere(vnic: Run, tmp_path: Path) -> None:
    vnic("sim", *MODEL, "--out", "run")
    head = (tmp_path / "run" / "received.pcap").read_bytes()[:24]
    assert struct.unpack("<IHHiIII", head) == (0xA1B23C4D, 2, 4, 0, 0, 262144, 1)


def assert_refused(done: subprocess.CompletedProcess[str], code: int, says: str) -> None:
    """One line on stderr, the right exit code, nothing else."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert says in done.stderr
    assert done.stderr.startswith("vnic: ")
    assert done.stderr.count("\n") == 1
