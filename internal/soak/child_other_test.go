//go:build !linux

package soak

import "errors"

// native plays the parts that only Linux has: none.
func (c *child) native(part string) error { return errors.New("no such part: " + part) }
