#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Captures 9P messages between clients and servers that are not ours.

	capture.py diod|qemu KERNEL MODULES BUSYBOX	the Linux kernel's client with diod or QEMU's 9pfs
	capture.py diodcat				diod's client with diod (munged has to run)

boots KERNEL in QEMU (TCG) with a static busybox and workload.c, and writes one line a message: C or
S for the side that sent it, and its bytes in hexadecimal; a few different ones of each type. For diod
the bytes go through a proxy here; for QEMU's server the guest's kernel traces its own buffers (512
bytes of each message). `test-wire-golden --print <FILE` adds the text: see ../README.
Needs diod, QEMU, cpio, xz and a compiler with static libc.
"""
import collections, os, re, select, socket, struct, subprocess, sys, tempfile, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
TSTATFS, TRENAMEAT, TFLUSH, TWALK, TUNLINKAT, RLERROR, RREADDIR = 8, 74, 108, 110, 76, 7, 41
EOPNOTSUPP = 95
MOST = 6

written = collections.defaultdict(set)


def write(side, m):
    """Writes M down unless there are enough of its type, or the same but for the tag. A walk of several
    names is rare."""
    if b"MUNGE:" in m:
        return  # a credential
    of_type = written[m[4]]
    rest = m[7:]
    if rest not in of_type and (len(of_type) < MOST or m[4] == TWALK and m[15] > 1):
        of_type.add(rest)
        print(side, m.hex())


def modules_of(moddir, names):
    """The files of NAMES and of all they depend on, in the order to load them."""
    deps = {}
    for line in open(f"{moddir}/modules.dep"):
        path, rest = line.split(":")
        deps[path] = rest.split()
    order = []

    def visit(path):
        for dep in deps[path]:
            visit(dep)
        if path not in order:
            order.append(path)

    for name in names:
        # What modules.dep does not have is built in.
        for path in [p for p in deps if re.search(rf"/{name}\.ko(\.xz)?$", p)]:
            visit(path)
    return order


def make_initramfs(tmp, moddir, busybox):
    root = f"{tmp}/root"
    for folder in "bin sbin proc sys mnt dev modules".split():
        os.makedirs(f"{root}/{folder}")
    subprocess.check_call(["cp", busybox, f"{root}/bin/busybox"])
    for tool in "sh mount insmod ifconfig grep uname cat poweroff echo".split():
        os.symlink("busybox", f"{root}/bin/{tool}")
    subprocess.check_call(["cp", f"{HERE}/init", f"{root}/init"])
    os.chmod(f"{root}/init", 0o755)
    subprocess.check_call(["cc", "-static", "-O1", "-D_GNU_SOURCE", "-o", f"{root}/workload", f"{HERE}/workload.c"])
    order = modules_of(moddir, ["e1000", "virtio_pci", "9pnet_fd", "9pnet_virtio", "9p"])
    with open(f"{root}/modules/order", "w") as f:
        for path in order:
            name = os.path.basename(path)
            subprocess.check_call(["cp", f"{moddir}/{path}", f"{root}/modules/{name}"])
            if name.endswith(".xz"):
                subprocess.check_call(["xz", "-d", f"{root}/modules/{name}"])
            f.write(name.removesuffix(".xz") + "\n")
    subprocess.check_call("find . | cpio -o -H newc --quiet >../initramfs", shell=True, cwd=root)
    return f"{tmp}/initramfs"


def receive(sock, n):
    out = b""
    while len(out) < n:
        got = sock.recv(n - len(out))
        if not got:
            raise EOFError
        out += got
    return out


def receive_message(sock):
    head = receive(sock, 4)
    return head + receive(sock, struct.unpack("<I", head)[0] - 4)


class Proxy:
    """Passes messages on and writes them down. Refuses the Trenameat and Tunlinkat of names with
    "fallback" (neither they nor the refusals are written down), and keeps back the answer of the
    second Tstatfs until a Tflush has come."""

    def __init__(self, client, server):
        self.client, self.server = client, server
        self.statfs = 0
        self.kept_tag, self.kept = None, []

    def from_client(self):
        m = receive_message(self.client)
        kind, tag = m[4], m[5:7]
        if kind in (TRENAMEAT, TUNLINKAT) and b"fallback" in m:
            self.client.sendall(struct.pack("<IB2sI", 11, RLERROR, tag, EOPNOTSUPP))
            return
        if kind == TSTATFS:
            self.statfs += 1
            if self.statfs == 2:
                self.kept_tag = tag
        write("C", m)
        self.server.sendall(m)
        if kind == TFLUSH:
            self.kept_tag = None
            for kept in self.kept:
                self.client.sendall(kept)

    def from_server(self):
        m = receive_message(self.server)
        write("S", m)
        if self.kept_tag == m[5:7]:
            self.kept.append(m)
        else:
            self.client.sendall(m)

    def run(self):
        try:
            while True:
                for sock in select.select([self.client, self.server], [], [])[0]:
                    self.from_client() if sock is self.client else self.from_server()
        except (EOFError, ConnectionError):
            self.client.close()
            self.server.close()


def boot(kernel, initramfs, dev, opt, more):
    return subprocess.run(
        ["qemu-system-x86_64", "-accel", "tcg", "-m", "512", "-nodefaults", "-no-reboot", "-nographic",
         "-serial", "stdio", "-kernel", kernel, "-initrd", initramfs, "-append",
         f"console=ttyS0 panic=-1 quiet 9pdev={dev} 9popt={opt}"] + more,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=300).stdout.decode(errors="replace")


def start_diod(share, tmp, more):
    """diod, and the port of a proxy before it."""
    sock = f"{tmp}/diod.sock"
    diod = subprocess.Popen(["diod", "-f", "-c", "/dev/null", "-l", sock, "-e", share, "-L", "stderr"] + more)
    while not os.path.exists(sock):
        time.sleep(0.01)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client = listener.accept()[0]
            server = socket.socket(socket.AF_UNIX)
            server.connect(sock)
            threading.Thread(target=Proxy(client, server).run, daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return diod, listener.getsockname()[1]


def capture_diod(kernel, initramfs, share, tmp):
    diod, port = start_diod(share, tmp, ["-n", "-N", "-o", "xattr"])
    try:
        return boot(kernel, initramfs, "10.0.2.2",
                    f"trans=tcp,port={port},version=9p2000.L,msize=8192,access=user,uname=root,aname={share}",
                    ["-netdev", "user,id=n", "-device", "e1000,netdev=n"])
    finally:
        diod.terminate()
        diod.wait()


def capture_diodcat(share, tmp):
    diod, port = start_diod(share, tmp, [])
    with open(f"{share}/file", "w") as f:
        f.write("hello\n")
    try:
        subprocess.check_call(["diodcat", "-s", f"127.0.0.1:{port}", "-a", share, "file"], stdout=sys.stderr)
    finally:
        diod.terminate()
        diod.wait()


def capture_qemu(kernel, initramfs, share, tmp):
    console = boot(kernel, initramfs, "tag", "trans=virtio,version=9p2000.L,msize=8192,access=user",
                   ["-virtfs", f"local,path={share},mount_tag=tag,security_model=none,multidevs=remap"])
    for side, words in re.findall(r": ([cs]): .*d=\{([0-9a-fx,]*)\}", console):
        m = b"".join(struct.pack("<Q", int(w, 16)) for w in words.split(","))
        size = struct.unpack("<I", m[:4])[0]
        # Directory entries went elsewhere, without a copy.
        if 7 <= size <= len(m) and m[4] != RREADDIR:
            write(side.upper(), m[:size])
    return console


def main():
    with tempfile.TemporaryDirectory(prefix="capture") as tmp:
        share = f"{tmp}/share"
        os.mkdir(share)
        if sys.argv[1] == "diodcat":
            capture_diodcat(share, tmp)
            return
        server, kernel, moddir, busybox = sys.argv[1:]
        initramfs = make_initramfs(tmp, moddir, busybox)
        run = capture_diod if server == "diod" else capture_qemu
        sys.stderr.write(run(kernel, initramfs, share, tmp))


main()
