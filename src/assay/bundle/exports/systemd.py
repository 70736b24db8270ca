"""A hardened systemd unit that serves one bundle on the loopback, behind a proxy of the host."""

from __future__ import annotations

from assay.bundle.model import Model

from .about import EMPTY, about
from .docker import BUNDLE, PORT, command
from .serving import requirements
from .wheel import wheel, wheel_name

UNIT = """\
# {service} {version}, SHA-256 {digest}. Owner: {owner}.
# Installed as README.md beside this file says. Rights it does not need are taken away: systemd-analyze security.
[Unit]
Description=assay serves {service} {version}
After=network.target
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
DynamicUser=yes
StateDirectory=assay/{service}
StateDirectoryMode=0700
WorkingDirectory=%S/assay/{service}
LoadCredential=keys.json:/etc/assay/{service}.keys.json
Environment=OMP_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=1
ExecStartPre=/opt/assay/bin/assay verify /srv/assay/{service}/{bundle}
ExecStart=/opt/assay/bin/assay {command}
KillSignal=SIGTERM
TimeoutStopSec=30
Restart=on-failure
RestartSec=1
LimitNOFILE=65536
LimitCORE=0
MemoryMax={memory}M
TasksMax=64

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
UMask=0077
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
IPAddressDeny=any
IPAddressAllow=localhost
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
README = """\
# {service} {version} under systemd

    sudo python3 -m venv --without-pip /opt/assay
    python3 -m pip --python /opt/assay/bin/python install --no-deps -r requirements.txt {wheel}     # with sudo
    sudo install -D -m 0444 {bundle} /srv/assay/{service}/{bundle}
    sudo install -D -m 0600 keys.json /etc/assay/{service}.keys.json       # made by: assay keys new
    sudo install -m 0644 {service}.service /etc/systemd/system/
    sudo systemctl daemon-reload && sudo systemctl enable --now {service}

It answers on 127.0.0.1:{port}; a proxy of the host gives it TLS and a name. `journalctl -u {service}` shows its log,
predictions lie in /var/lib/assay/{service}. To go back, put the bundle before into its place and restart.
"""


def to_systemd(model: Model) -> dict[str, bytes]:
    """The unit, the bundle, what has to be installed, and a page on how: path -> bytes."""
    known = about(model)
    bundle, state = f"/srv/assay/{known.service}/{BUNDLE}", f"%S/assay/{known.service}"
    words = {
        "service": known.service, "version": known.version, "digest": model.digest, "bundle": BUNDLE, "port": PORT,
        "owner": dict(known.question()).get("Who owns it", EMPTY).replace("\n", " "), "wheel": wheel_name(),
        "memory": 512 + 8 * (model.size >> 20),
        "command": " ".join(command(bundle, "%d/keys.json", state, "127.0.0.1")),
    }  # fmt: skip
    return {
        f"{known.service}.service": UNIT.format(**words).encode(),
        "README.md": README.format(**words).encode(),
        "requirements.txt": requirements().encode(),
        wheel_name(): wheel(),
        BUNDLE: model.to_bytes(),
    }
