// CDK's functions of custom resources answer by https and without a port; here CloudFormation takes it by http on one
const http = require('node:http');
const https = require('node:https');

const { request } = https;
https.request = (options, ...rest) =>
  options.hostname === '127.0.0.1'
    ? http.request({ ...options, port: process.env.ENGINES_RESPONSE_PORT }, ...rest)
    : request(options, ...rest);
