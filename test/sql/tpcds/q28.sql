SELECT *
FROM (SELECT avg(ss_list_price) AS b1_lp, count(ss_list_price) AS b1_cnt, count(DISTINCT ss_list_price) AS b1_cntd FROM store_sales
      WHERE ss_quantity BETWEEN 0 AND 5 AND (ss_list_price BETWEEN 8 AND 18 OR ss_coupon_amt BETWEEN 459 AND 1459 OR ss_wholesale_cost BETWEEN 37 AND 57)) b1,
     (SELECT avg(ss_list_price) AS b2_lp, count(ss_list_price) AS b2_cnt, count(DISTINCT ss_list_price) AS b2_cntd FROM store_sales
      WHERE ss_quantity BETWEEN 6 AND 10 AND (ss_list_price BETWEEN 90 AND 100 OR ss_coupon_amt BETWEEN 223 AND 1223 OR ss_wholesale_cost BETWEEN 31 AND 51)) b2,
     (SELECT avg(ss_list_price) AS b3_lp, count(ss_list_price) AS b3_cnt, count(DISTINCT ss_list_price) AS b3_cntd FROM store_sales
      WHERE ss_quantity BETWEEN 11 AND 15 AND (ss_list_price BETWEEN 42 AND 52 OR ss_coupon_amt BETWEEN 321 AND 1321 OR ss_wholesale_cost BETWEEN 20 AND 40)) b3
LIMIT 100
