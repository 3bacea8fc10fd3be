variable "name" {}
variable "port" {}
variable "subnet_ids" { type = list(string) }
variable "group_ids" { type = set(string) }

module "naming" {
  source = "./naming"
  id     = terraform_data.cache.id
}

resource "terraform_data" "cache" {
  input = { name = var.name, subnets = var.subnet_ids, groups = var.group_ids }
}

resource "terraform_data" "handler" {
  for_each = toset(["get"])
  input    = { cache = module.naming.id, subnets = var.subnet_ids, key = "${var.name}-${each.key}" }
}

output "host" { value = module.naming.id }
output "port" { value = var.port }
