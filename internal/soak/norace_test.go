//go:build !race

package soak

// raceDetector reports whether times say nothing.
const raceDetector = false
