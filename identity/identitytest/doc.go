// Package identitytest gives the tests of a host a real [identity.Authority]: on
// a database file of the test's own, with a clock that the test moves and
// randomness that can be repeated. Nothing in it is simulated: accounts sign
// assertions and get access tokens the way they do in production.
//
//	id := identitytest.New(t, func(c *identity.Config) {
//		c.Permissions, c.Roles = app.Permissions, app.Roles
//	})
//	reader := identitytest.Account(t, id, "reader@projects/p1")
//	request.Header.Set("Authorization", identitytest.Bearer(t, id, reader))
//
// A helper that fails ends the test. A test that fails prints its seed.
package identitytest
