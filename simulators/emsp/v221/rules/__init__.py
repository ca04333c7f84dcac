"""Rules of OCPI 2.2.1 that join several fields or several objects; each yields problems and changes nothing."""
