// Package systemd holds the units and sample environment files of riffle's
// stages. Its tests load them as the binaries would, so that they cannot rot.
package systemd
