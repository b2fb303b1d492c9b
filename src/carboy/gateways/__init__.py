"""The gateways: a request comes in, a response goes out, one file for each protocol.

They translate and decide nothing: what is done with a request is the pipeline's business.
"""
