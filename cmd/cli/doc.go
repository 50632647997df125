// Package cli is the operator's commands. [Run] is the whole of the tool
// claviger; [New] makes the command for a host that mounts it in its own program.
//
// Mounted, with Options.Open, the commands work with the host's own
// configuration: its permissions, code roles and conditions. Alone, the tool
// opens a file with none of these, so it knows the permissions under "identity:"
// and the role code:owner only. It therefore
//
//   - answers explain and who-can about "identity:" permissions only, and says
//     where a role or a condition of the host's code keeps an answer open;
//   - makes and changes no roles, since a name could be that of a code role,
//     with which the host would not start any more, and binds no code role but
//     code:owner;
//   - makes no API tokens and client secrets, which begin with what the host chose;
//   - checks validities against the defaults of identity.Config and the limits
//     of the org, not against limits of the host;
//   - signs an export of the log for the issuer that --issuer names, since it does
//     not know the host's;
//   - opens with a key file, a key or a passphrase, not with a key management
//     service;
//   - never migrates the schema, never makes a database, and leaves the signing
//     keys to the host: their schedule is part of its configuration. The one
//     exception is "recover reset-ring". A restored file is opened by the host first.
//
// Everything is done as the host itself (identity.Authority.System) and stands in
// the audit with the command and its --reason.
package cli
