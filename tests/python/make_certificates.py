"""A certificate authority, and a certificate of 127.0.0.1 that it signed: usage make_certificates.py FOLDER."""

import datetime
import ipaddress
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, issuer_key, *extensions):
    begins = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + datetime.timedelta(days=2))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def main(folder):
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = name("authority of a test")
    of_authority = certificate(authority, authority_key, authority, authority_key, x509.BasicConstraints(True, 0))
    places = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    of_server = certificate(name("127.0.0.1"), key, authority, authority_key, x509.BasicConstraints(False, None), places)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file, content in [("ca.pem", of_authority), ("server.pem", of_server), ("server.key", text)]:
        (folder / file).write_bytes(content)


main(pathlib.Path(sys.argv[1]))
