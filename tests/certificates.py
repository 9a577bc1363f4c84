"""Certificates for tests of HTTPS, made with the openssl program."""

import subprocess


def certificate(folder, name, signer=None, alternative="IP:127.0.0.1"):
    """NAME.pem with certificate and key: an authority's own, or one for a server that this authority signs."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-subj", f"/CN={name}"]
    if signer is None:
        openssl("req", "-x509", *key, "-days", "2", "-out", f"{name}.crt")
    else:
        folder.joinpath(f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        openssl("req", *key, "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{signer}.crt", "-CAkey", f"{signer}.key", "-CAcreateserial", "-days", "2",
                "-extfile", f"{name}.ext", "-out", f"{name}.crt")
    folder.joinpath(f"{name}.pem").write_text(folder.joinpath(f"{name}.crt").read_text() + folder.joinpath(f"{name}.key").read_text())
    return folder / f"{name}.pem"
