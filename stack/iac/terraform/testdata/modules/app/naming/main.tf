# A module without resources: a plan does not list it.
variable "id" {}

output "id" { value = var.id }
