window.sales = {ready: true};
