# A binding gives a role to a subject at a scope; input.scopes goes from the item to the org.
package authorize

default allow := false

allow if {
	some subject in array.concat([input.account], data.groups[input.account])
	some scope in input.scopes
	some role in data.bindings[subject][scope]
	data.roles[role][input.permission]
}
