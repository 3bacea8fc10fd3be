terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}

resource "aws_vpc" "vpc" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_support   = true
  enable_dns_hostnames = true
}

resource "aws_subnet" "subnet_a" {
  vpc_id            = aws_vpc.vpc.id
  cidr_block        = "10.0.1.0/24"
  availability_zone = "eu-west-1a"
}

resource "aws_subnet" "subnet_b" {
  vpc_id            = aws_vpc.vpc.id
  cidr_block        = "10.0.2.0/24"
  availability_zone = "eu-west-1b"
}

resource "aws_security_group" "function_group" {
  description = "The function"
  vpc_id      = aws_vpc.vpc.id
}

resource "aws_vpc_security_group_egress_rule" "function_to_cache" {
  security_group_id            = aws_security_group.function_group.id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = aws_security_group.cache_group.id
}

resource "aws_security_group" "cache_group" {
  description = "The cache"
  vpc_id      = aws_vpc.vpc.id

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_vpc_security_group_ingress_rule" "from_a" {
  security_group_id = aws_security_group.cache_group.id
  ip_protocol       = "tcp"
  from_port         = 6379
  to_port           = 6379
  cidr_ipv4         = "10.0.1.0/24"
}

resource "aws_vpc_security_group_ingress_rule" "from_b" {
  security_group_id = aws_security_group.cache_group.id
  ip_protocol       = "tcp"
  from_port         = 6379
  to_port           = 6379
  cidr_ipv4         = "10.0.2.0/24"
}

resource "aws_iam_role" "role" {
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect = "Allow"
      Action = "sts:AssumeRole"
      Principal = {
        Service = "lambda.amazonaws.com"
      }
    }]
  })
}

resource "aws_iam_role_policy_attachment" "role_awslambda_vpcaccess_execution_role" {
  role       = aws_iam_role.role.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
}

resource "aws_elasticache_replication_group" "cache" {
  replication_group_id       = "cache"
  description                = "Cache"
  engine                     = "valkey"
  num_cache_clusters         = 2
  security_group_ids         = [aws_security_group.cache_group.id]
  transit_encryption_enabled = true
  automatic_failover_enabled = true
  multi_az_enabled           = true
  node_type                  = "cache.m7g.large"
  port                       = 6379
  subnet_group_name          = aws_elasticache_subnet_group.cache_subnets.name
}

resource "aws_elasticache_subnet_group" "cache_subnets" {
  name       = "cache_subnets"
  subnet_ids = [aws_subnet.subnet_a.id, aws_subnet.subnet_b.id]
}

resource "aws_lambda_function" "handler" {
  function_name                  = "handler"
  role                           = aws_iam_role.role.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  filename                       = "function.zip"
  reserved_concurrent_executions = 100

  vpc_config {
    subnet_ids         = [aws_subnet.subnet_a.id, aws_subnet.subnet_b.id]
    security_group_ids = [aws_security_group.function_group.id]
  }

  environment {
    variables = {
      REDIS_URL = "rediss://${aws_elasticache_replication_group.cache.primary_endpoint_address}:${aws_elasticache_replication_group.cache.port}"
    }
  }

  depends_on = [aws_iam_role_policy_attachment.role_awslambda_vpcaccess_execution_role]
}
