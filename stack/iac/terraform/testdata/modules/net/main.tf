variable "zones" { type = list(string) }

resource "terraform_data" "vpc" {
  input = "vpc"
}

resource "terraform_data" "subnet" {
  count = length(var.zones)
  input = { vpc = terraform_data.vpc.id, zone = var.zones[count.index] }
}

output "vpc_id" { value = terraform_data.vpc.id }
output "subnet_ids" { value = terraform_data.subnet[*].id }
output "by_zone" { value = zipmap(var.zones, terraform_data.subnet[*].id) }
